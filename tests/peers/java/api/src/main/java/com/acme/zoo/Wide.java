package com.acme.zoo;

import java.io.Serializable;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.time.LocalDateTime;
import java.util.Date;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** A field of every kind. */
public class Wide implements Serializable {
    private static final long serialVersionUID = 1L;
    private boolean flag;
    private byte tiny;
    private short small;
    private char letter;
    private int count;
    private long big;
    private float ratio;
    private double exact;
    private Boolean flagBox;
    private Byte tinyBox;
    private Short smallBox;
    private Character letterBox;
    private Integer countBox;
    private Long bigBox;
    private Float ratioBox;
    private Double exactBox;
    private String text;
    private BigDecimal decimal;
    private BigInteger integer;
    private Date date;
    private LocalDateTime local;
    private Color color;
    private byte[] bytes;
    private int[] ints;
    private String[] strings;
    private List<Person> persons;
    private Map<String, Person> byName;
    private Set<Long> numbers;

    public Wide() {}

    public boolean isFlag() { return flag; }
    public void setFlag(boolean v) { flag = v; }
    public byte getTiny() { return tiny; }
    public void setTiny(byte v) { tiny = v; }
    public short getSmall() { return small; }
    public void setSmall(short v) { small = v; }
    public char getLetter() { return letter; }
    public void setLetter(char v) { letter = v; }
    public int getCount() { return count; }
    public void setCount(int v) { count = v; }
    public long getBig() { return big; }
    public void setBig(long v) { big = v; }
    public float getRatio() { return ratio; }
    public void setRatio(float v) { ratio = v; }
    public double getExact() { return exact; }
    public void setExact(double v) { exact = v; }
    public Boolean getFlagBox() { return flagBox; }
    public void setFlagBox(Boolean v) { flagBox = v; }
    public Byte getTinyBox() { return tinyBox; }
    public void setTinyBox(Byte v) { tinyBox = v; }
    public Short getSmallBox() { return smallBox; }
    public void setSmallBox(Short v) { smallBox = v; }
    public Character getLetterBox() { return letterBox; }
    public void setLetterBox(Character v) { letterBox = v; }
    public Integer getCountBox() { return countBox; }
    public void setCountBox(Integer v) { countBox = v; }
    public Long getBigBox() { return bigBox; }
    public void setBigBox(Long v) { bigBox = v; }
    public Float getRatioBox() { return ratioBox; }
    public void setRatioBox(Float v) { ratioBox = v; }
    public Double getExactBox() { return exactBox; }
    public void setExactBox(Double v) { exactBox = v; }
    public String getText() { return text; }
    public void setText(String v) { text = v; }
    public BigDecimal getDecimal() { return decimal; }
    public void setDecimal(BigDecimal v) { decimal = v; }
    public BigInteger getInteger() { return integer; }
    public void setInteger(BigInteger v) { integer = v; }
    public Date getDate() { return date; }
    public void setDate(Date v) { date = v; }
    public LocalDateTime getLocal() { return local; }
    public void setLocal(LocalDateTime v) { local = v; }
    public Color getColor() { return color; }
    public void setColor(Color v) { color = v; }
    public byte[] getBytes() { return bytes; }
    public void setBytes(byte[] v) { bytes = v; }
    public int[] getInts() { return ints; }
    public void setInts(int[] v) { ints = v; }
    public String[] getStrings() { return strings; }
    public void setStrings(String[] v) { strings = v; }
    public List<Person> getPersons() { return persons; }
    public void setPersons(List<Person> v) { persons = v; }
    public Map<String, Person> getByName() { return byName; }
    public void setByName(Map<String, Person> v) { byName = v; }
    public Set<Long> getNumbers() { return numbers; }
    public void setNumbers(Set<Long> v) { numbers = v; }

    @Override public boolean equals(Object o) { return Fields.equal(this, o); }
    @Override public int hashCode() { return Fields.hash(this); }
    @Override public String toString() { return Fields.text(this); }
}
